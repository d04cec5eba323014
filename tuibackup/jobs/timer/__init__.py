"""What happens by itself: units for systemd, or lines for cron, made from the configuration."""
