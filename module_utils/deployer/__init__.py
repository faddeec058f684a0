"""How the deployer came in, so that no change cuts the connection it is made over."""
