/** Node.js releases on both sides of each border of the supported range. */
export const NODE_RELEASES: readonly (readonly [version: string, isSupported: boolean])[] = [
  ['10.24.1', false],
  ['18.20.8', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['20.20.2', true],
  ['21.7.3', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['22.23.5', true],
  ['23.11.1', false],
  ['24.0.0', true],
  ['24.22.3', true],
  ['25.9.0', false],
  ['26.0.0', true],
  ['26.12.1', true],
  ['28.0.0', true],
]

/** The supported range in the words of error messages and documents. */
export const NODE_WANTED = 'Node.js 20.19 or a later 20, 22.12 or a later 22, 24, or 26 and later'
