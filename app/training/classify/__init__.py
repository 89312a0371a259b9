"""Training of classifiers of one's own texts and labels, with the network of sentiment."""
