"""What all tasks train with: cells, graphs, the loop, publishing, cards."""
