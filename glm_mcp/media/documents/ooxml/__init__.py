"""What Word, PowerPoint and Excel files share: packages, charts, formulas, diagrams, number formats."""
