import { visibleCharacters } from './visible-characters.ts'

const MAX_TEXT_CHARACTERS = 200

/**
 * Returns the text of a value thrown by a plugin, on one line of at most 200 characters. Never throws: not every value
 * can be converted to text.
 */
export const errorText = (error: unknown): string => {
  try {
    return visibleCharacters(String(error).slice(0, MAX_TEXT_CHARACTERS))
  } catch {
    return 'an error without a text'
  }
}

const MAX_STACK_CHARACTERS = 4_000

/**
 * Returns the stack of a value thrown by a plugin, at most 4,000 characters, or its text if it has no stack. Never
 * throws.
 */
export const stackText = (error: unknown): string => {
  try {
    const stack: unknown = error instanceof Error ? error.stack : undefined
    return typeof stack === 'string' ? stack.slice(0, MAX_STACK_CHARACTERS) : errorText(error)
  } catch {
    return errorText(error)
  }
}
