"""What adoption of machines in service needs to know: logins seen, settings made by hand, what would change."""
