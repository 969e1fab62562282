// ChaCha20-Poly1305 (RFC 8439) with WireGuard's nonces and no associated data, from the OpenSSL that is in this process
// already.
//
// The symbols are looked up at run time: Node's own binaries have all of OpenSSL, a Node of a distribution has the
// public EVP interface of the system's library. OpenSSL's own primitives below EVP cost two thirds of it for packets of
// this size; they are used only where all of them are there and give what the RFC's vectors say.
#ifndef PORTREEVE_AEAD_H
#define PORTREEVE_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aead_kind { AEAD_NONE, AEAD_EVP, AEAD_RAW };
enum { AEAD_KEY = 32, AEAD_TAG = 16 };

struct aead {
  uint32_t key[8];
  void *context; // EVP context, reused for all packets of one direction
};

// Returns the best kind that passes its test vectors. The first call is not thread-safe; it is made when the addon is
// loaded.
enum aead_kind aead_load(void);
// Makes new contexts use a kind, if it is available. For tests.
enum aead_kind aead_choose(enum aead_kind kind);

bool aead_init(struct aead *aead, const uint8_t key[AEAD_KEY], bool seals);
// Overwrites the key.
void aead_clear(struct aead *aead);

// Bytes before the text that these functions overwrite and restore. They must belong to the caller. The tag's one-time
// key is generated there, as the first block of the text's key stream: one call for both takes a sixth less time than
// two.
enum { AEAD_ROOM = 64 };

// Encrypts in place and writes the tag behind the `length` bytes.
bool aead_seal(struct aead *aead, uint64_t counter, uint8_t *text, size_t length);
// Decrypts `sealed`, whose tag is behind its `length` bytes and is overwritten, into `text`, which must not overlap.
// Returns false if the tag is wrong; the text must not be used then.
bool aead_open(struct aead *aead, uint64_t counter, uint8_t *sealed, size_t length, uint8_t *text);

#endif
