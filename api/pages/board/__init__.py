"""The board's pages: its meetings, and for each its declarations, papers, votes and recommendation."""
