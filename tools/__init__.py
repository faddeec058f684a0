"""What builds, checks and describes the repository; nothing of it runs in production."""
