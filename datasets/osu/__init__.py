"""OSU Color-Thermal: registered colour and thermal surveillance video."""
