"""Pages of the people at a site: participants from registration to the last visit, one package for all of them."""
