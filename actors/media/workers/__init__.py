"""Media engines in processes of their own, which may die without a call noticing."""
