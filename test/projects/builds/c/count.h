struct entry { const char *word; int count; };
int count_words(char *text, struct entry *entries, int most);
