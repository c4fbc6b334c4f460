"""Tables: columns of categories, numbers and dates become one tensor; ratings likewise."""
