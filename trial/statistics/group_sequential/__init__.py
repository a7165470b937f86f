"""Group sequential designs: bounds, their chances, looks at the information really observed, and inference after them."""
