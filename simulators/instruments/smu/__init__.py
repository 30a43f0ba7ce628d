"""What source measure channels of virtual instruments share: sourcing, compliance, measuring."""
