"""Messages to people: by mail, by POST, by Apprise; and the queue of those that could not be sent yet."""
