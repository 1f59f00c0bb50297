"""A board of submissions: one static page, made anew from what each of them counted."""
