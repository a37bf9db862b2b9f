import { createHash, timingSafeEqual } from 'node:crypto'
import { UserError } from '@vla-gym/gymnasium'

/** Environment variable with the key that clients must show. */
export const apiKeyVariable = 'VLA_GYM_API_KEY'

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/

/** @throws UserError when other machines could connect without a key */
export function checkExposure(host: string, apiKey: string | undefined): void {
  if (!apiKey && !loopback.test(host)) {
    throw new UserError(
      `serving on ${host} lets other machines in: set ${apiKeyVariable} to a key they must show, or leave --host out`,
    )
  }
}

/**
 * Whether an Authorization header shows the key: `Api-Key KEY` as openpi's client sends it, `Bearer KEY`, or the
 * password of `Basic`, which clients that only take a URL send for ws://user:KEY@host.
 */
export function isAuthorized(header: string | undefined, apiKey: string): boolean {
  const [scheme = '', shown = ''] = (header ?? '').split(' ', 2)
  const key = scheme.toLowerCase() === 'basic' ? password(shown) : shown
  const known = ['api-key', 'bearer', 'basic'].includes(scheme.toLowerCase())
  return timingSafeEqual(digest(key), digest(apiKey)) && known
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

function password(basic: string): string {
  const text = Buffer.from(basic, 'base64').toString('utf8')
  return text.slice(text.indexOf(':') + 1)
}
