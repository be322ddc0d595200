/** Emoji that are coloured, keys (`1️⃣`), and emoji that are joined into one. */
const BEHIND_EMOJI = [
  String.raw`\p{Extended_Pictographic}\ufe0f`,
  String.raw`[0-9#*]\ufe0f(?=\u20e3)`,
  String.raw`(?:\p{Extended_Pictographic}\ufe0f?|\p{Emoji_Modifier})\u200d(?=\p{Extended_Pictographic})`,
];

/**
 * Matches each character that a reader does not see, or that changes how others are shown: controls, separators of
 * lines, half characters, what turns the reading direction, and all that Unicode lets a screen leave out, such as the
 * tags that a language model reads. What colours and joins emoji is not among them where it stands between these:
 * people write it.
 */
export const UNSEEN = new RegExp(
  String.raw`[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb](?<!${BEHIND_EMOJI.join('|')})`,
  'gu',
);
