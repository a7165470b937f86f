"""Pages of the pharmacy: masked stock for everybody who handles kits, and unblinded preparations for pharmacists."""
