import * as fc from 'fast-check'

/**
 * Arbitrary texts of any characters, and texts that programs trip over, such as `__proto__`. Stands for
 * `fc.string({ unit: 'binary' })`, which takes two seconds of processor time to be made.
 */
export const anyText = (lengths: { maxLength?: number } = {}): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.string({ ...lengths, unit: character }) },
    { weight: 1, arbitrary: fc.string(lengths) },
  )

/** Every code point but the surrogates. */
const character = fc
  .nat(0x10_ffff - 0x800)
  .map((index) => String.fromCodePoint(index < 0xd8_00 ? index : index + 0x800))
