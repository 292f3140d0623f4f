/** Words of dropping and pasting. */

export const words: Record<string, Record<string, string>> = {
  en: {
    "drop.nofile": "That is no file. Drop one image file, or paste an image.",
    "drop.nonet": "Images cannot be added here: this space has no encoder that the page can use.",
    "drop.several": "One image at a time: of {count} files only {name} is taken.",
  },
  ko: {
    "drop.nofile": "파일이 아닙니다. 이미지 파일 하나를 놓거나 이미지를 붙여 넣으세요.",
    "drop.nonet": "여기에는 이미지를 넣을 수 없습니다. 이 공간에는 페이지에서 쓸 수 있는 인코더가 없습니다.",
    "drop.several": "한 번에 이미지 하나만 받습니다. 파일 {count}개 가운데 {name}만 넣습니다.",
  },
};
