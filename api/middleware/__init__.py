"""What every request passes before it reaches a route: its id, headers, limits, the check for forgery."""
