import { UserError } from '../errors.js'
import { Space } from './space.js'

/** Letters and digits: Gymnasium's default character set. */
export const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Every printable ASCII character, the space included. */
export const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i))

/** Strings of minLength to maxLength characters (code points) of a character set. */
export class Text extends Space<string> {
  readonly maxLength: number
  readonly minLength: number
  readonly characters: ReadonlySet<string>
  readonly shape = null

  constructor(maxLength: number, { minLength = 1, charset = ALPHANUMERIC } = {}) {
    super()
    const valid = Number.isInteger(minLength) && Number.isInteger(maxLength) && minLength >= 0
    if (!valid || minLength > maxLength) {
      throw new UserError(`Text: lengths must be integers with 0 <= min ${minLength} <= max ${maxLength}`)
    }
    if (charset === '' && maxLength > 0) throw new UserError('Text: the character set is empty')
    this.maxLength = maxLength
    this.minLength = minLength
    this.characters = new Set(charset)
  }

  sample(): string {
    const characters = [...this.characters]
    const length = this.rng.integers(this.minLength, this.maxLength + 1)
    return Array.from({ length }, () => this.rng.choice(characters)).join('')
  }

  contains(x: unknown): x is string {
    if (typeof x !== 'string') return false
    const characters = [...x]
    if (characters.length < this.minLength || characters.length > this.maxLength) return false
    return characters.every((character) => this.characters.has(character))
  }

  copy(x: string): string {
    return x
  }

  equals(other: unknown): boolean {
    return (
      other instanceof Text &&
      other.minLength === this.minLength &&
      other.maxLength === this.maxLength &&
      other.characters.size === this.characters.size &&
      [...this.characters].every((character) => other.characters.has(character))
    )
  }

  toString(): string {
    return `Text(${this.minLength}, ${this.maxLength}, charset=${[...this.characters].sort().join('')})`
  }
}
