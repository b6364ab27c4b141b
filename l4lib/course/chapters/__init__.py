"""One module a chapter, with the chapter's file name; each has a tuple ``EXERCISES``. A new file is found by itself."""
