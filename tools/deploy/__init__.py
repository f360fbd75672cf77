"""Files for deployments that are made from others: the boards as ConfigMaps."""
