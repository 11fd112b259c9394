"""OSU Color-Thermal: registered color and thermal surveillance video."""
