"""Kits: numbered cartons of one arm each, from the shipment to the participant, masked for everybody at a site."""
