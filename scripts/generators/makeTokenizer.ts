import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Whole words by theme; order fixes the token ids, so new words go at the end of the last list. */
const words = [
  // the embodiment prompt
  `the robot is with single dual arm arms waist and mobile base control frequency hz please predict next actions
   to execute following task widowx 250s google aloha franka panda humanoid gripper`,
  // verbs
  `put place stack pick up move push pull lift drop open close grasp take bring slide turn flip rotate insert
   remove set lay hold release pour wipe fold hang press reach touch point hand give get go stop wait look find
   sweep cover align arrange sort store return keep follow catch track`,
  // relations and places
  `on onto in into inside at top of over above below under beneath behind front left right middle center side
   near next beside between around away from toward towards across along upper lower bottom up down out off back
   far closer corner edge end here there it its them that this then both all each one two three four other another
   same first second last a an while without before after until slowly quickly gently moving`,
  // colours and looks
  `red green blue yellow orange purple pink brown black white gray grey silver gold golden cyan magenta beige
   dark light small big large tiny tall short long round square flat wooden metal plastic glass empty full`,
  // objects
  `block cube box ball cylinder bowl plate cup mug can bottle jar pot pan lid tray basket bin drawer cabinet
   shelf rack table counter stove burner sink towel cloth tablecloth napkin sponge spoon fork knife spatula ladle
   chopsticks scissors carrot eggplant apple banana orange lemon lime pear peach strawberry grape potato tomato
   cucumber corn pepper mushroom broccoli onion cabbage bread egg cheese meat sausage hotdog sushi cake cookie
   coke cola pepsi sprite redbull 7up water milk juice coffee tea soup sauce ketchup cream butter salad dressing
   chocolate pudding wine rice cereal chip chips bag can opener door handle microwave oven fridge toaster faucet
   button switch knob lamp clock book pen pencil marker eraser tape stapler phone mouse keyboard laptop remote toy
   duck car truck bear dinosaur shoe hat sock shirt hammer screwdriver wrench drill screw nut nail brush bell
   bin trash container object objects thing item items target caddy compartment pile moka frypan
   cm degrees by joint forward backward`,
]

const marks = [...`.,:;!?'"()[]{}-_/\\&+*=%#@<>`]
const digits = [...'0123456789']
/** Endings, so that 'carrots', 'stacked' or '250' are not unknown words. */
const endings = ['s', 'es', 'ed', 'ing', 'd', ...digits]

/** The text of tokenizer.json: a WordPiece model of whole words; what it cannot spell is [UNK]. */
export function makeTokenizerJson(): string {
  const tokens = [
    '[PAD]',
    '[UNK]',
    ...marks,
    ...digits,
    ...endings.map((ending) => `##${ending}`),
    ...words.join(' ').split(/\s+/),
  ]
  const vocab = Object.fromEntries([...new Set(tokens)].map((token, id) => [`${token}`, id]))
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: true,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  }
  return JSON.stringify(tokenizer, null, 1) + '\n'
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = process.argv[2] ?? 'assets/tokenizer/tokenizer.json'
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, makeTokenizerJson())
}
