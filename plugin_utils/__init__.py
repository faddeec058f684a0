"""Controller-side code of kakehashi: reads inventories, renders templates, writes evidence."""
