"""Judging what the data tell about the target: what gives it away, which labels are wrong, and what a finding costs."""
