#include <stdio.h>
#include "count.h"

int main(int argc, char **argv) {
  struct entry entries[64];
  printf("version %s\n", VERSION);
  int used = argc > 1 ? count_words(argv[1], entries, 64) : 0;
  for (int i = 0; i < used; i++) printf("%s %d\n", entries[i].word, entries[i].count);
  return 0;
}
