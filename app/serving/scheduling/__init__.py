"""Queues, batches, workers and admission control. Knows lengths and costs of examples only."""
