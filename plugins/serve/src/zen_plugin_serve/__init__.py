"""The laptop's model deployer of zen: models over HTTP from local processes."""
