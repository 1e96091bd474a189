#include <stdlib.h>
#include <string.h>
#include "count.h"

static int by_count(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  return x->count != y->count ? y->count - x->count : strcmp(x->word, y->word);
}

int count_words(char *text, struct entry *entries, int most) {
  int used = 0;
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
    int i = 0;
    while (i < used && strcmp(entries[i].word, word)) i++;
    if (i == used) {
      if (used == most) break;
      entries[used++] = (struct entry){word, 0};
    }
    entries[i].count++;
  }
  qsort(entries, used, sizeof *entries, by_count);
  return used;
}
