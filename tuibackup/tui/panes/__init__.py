"""The parts of the main screen. Each file: pure functions from the picture to lines, and the widget that shows them."""
