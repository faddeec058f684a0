"""Maps what is enforced and tried to statements of standards, and joins the map with the newest results of runs."""
