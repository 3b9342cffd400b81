"""What rules cannot judge, asked of a small model: questions, answers, and what they cost."""
