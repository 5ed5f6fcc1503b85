// Memory for an instance that lives for one request: handed out from the end of what the linker placed, never given
// back. `free` does nothing, so a manifest may point at constants.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 65536u

// The linker's: where the heap begins.
extern unsigned char __heap_base;

static uintptr_t next;

void *malloc(size_t size) {
  if (!next) next = (uintptr_t) &__heap_base;
  // In front of each piece stands its size, for `realloc`.
  uintptr_t start = (next + 15) / 16 * 16 + 16;
  uintptr_t end = start + size;
  if (end < start) return NULL;
  uintptr_t have = __builtin_wasm_memory_size(0) * PAGE;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == SIZE_MAX) return NULL;
  next = end;
  ((size_t *) start)[-1] = size;
  return (void *) start;
}

void *realloc(void *old, size_t size) {
  void *new = malloc(size);
  if (new && old) {
    size_t had = ((size_t *) old)[-1];
    memcpy(new, old, had < size ? had : size);
  }
  return new;
}

void free(void *memory) {
  (void) memory;
}

_Noreturn void abort(void) {
  __builtin_trap();
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  for (size_t at = 0; at < size; at++) ((unsigned char *) to)[at] = ((const unsigned char *) from)[at];
  return to;
}

void *memset(void *to, int byte, size_t size) {
  for (size_t at = 0; at < size; at++) ((unsigned char *) to)[at] = (unsigned char) byte;
  return to;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}
