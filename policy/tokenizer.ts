import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Tokenizer } from '@huggingface/tokenizers'
import { UserError } from '@vla-gym/gymnasium'

export const padToken = 0

export interface PromptTokenizer {
  /** One more than the largest token id. */
  readonly vocabularySize: number
  /**
   * Token ids [n, length], padded with 0 at the end. Unknown words become [UNK].
   * @throws UserError when a prompt has more than `length` tokens.
   */
  encodePrompts(prompts: readonly string[], length: number): BigInt64Array
}

/** Reads the text of a tokenizer.json. @throws UserError when it is not one or token 0 is not padding. */
export function loadTokenizer(tokenizerJson: string): PromptTokenizer {
  let tokenizer: Tokenizer
  try {
    tokenizer = new Tokenizer(JSON.parse(tokenizerJson), {})
  } catch (error) {
    throw new UserError(`tokenizer.json cannot be read: ${(error as Error).message}`)
  }
  if (tokenizer.token_to_id('[PAD]') !== padToken)
    throw new UserError(`tokenizer.json: '[PAD]' must be token 0`)
  const vocabularySize = 1 + Math.max(...tokenizer.get_vocab().values())
  return {
    vocabularySize,
    encodePrompts(prompts, length) {
      const out = new BigInt64Array(prompts.length * length)
      for (const [row, prompt] of prompts.entries()) {
        const { ids } = tokenizer.encode(prompt, { add_special_tokens: false })
        if (ids.length > length) {
          throw new UserError(
            `prompt has ${ids.length} tokens, the policy reads ${length}: '${prompt.slice(0, 200)}'`,
          )
        }
        for (const [i, id] of ids.entries()) out[row * length + i] = BigInt(id)
      }
      return out
    },
  }
}

/** Text of the tokenizer.json that ships with the project (assets/tokenizer). */
export function defaultTokenizerJson(): string {
  // The sources and the compiled files lie at different depths below the project's root.
  for (const root of ['..', '../..']) {
    const path = fileURLToPath(new URL(`${root}/assets/tokenizer/tokenizer.json`, import.meta.url))
    if (existsSync(path)) return readFileSync(path, 'utf8')
  }
  throw new UserError(
    'assets/tokenizer/tokenizer.json is missing: restore it, or run scripts/generators/makeTokenizer',
  )
}
