"""Networks: the only place that imports torch at the top."""
