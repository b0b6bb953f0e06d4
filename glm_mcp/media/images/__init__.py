"""Pictures made ready: upright, within limits, nothing private left in them."""
