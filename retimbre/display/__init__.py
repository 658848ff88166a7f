"""Pictures of what came in and what came out."""
