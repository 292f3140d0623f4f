/** Words of "one space or many". */

export const words: Record<string, Record<string, string>> = {
  en: {
    "many.title": "One or many",
    "many.together": "Together",
    "many.apart": "A panel per class",
    "many.global": "This space holds all {classes} classes at once. Apart, each class's points stand in a panel of their own; they are the same points.",
    "many.per-class": "Each of the {classes} classes has a model and a latent space of its own; a panel is the map of one. Together, the maps lie on top of each other and say nothing about distances between classes.",
    "many.conditional": "One model is told the class, so one space serves all {classes} classes, each in its own way.",
    "many.how": "To see each class's own model redraw an image, fit such a space:",
    "many.hover": "Point at an image on the map: each class's model draws it, and the one that draws it best names the class.",
    "many.right": "Drawn best as {best}, and it is labelled {truth}.",
    "many.wrong": "Drawn best as {best}, but it is labelled {truth}.",
    "many.drawn": "drawn as {name}",
    "many.none": "This space has no decoder, so no class's model can redraw an image.",
    "many.error": "Under each drawing its mean squared error per pixel.",
  },
  ko: {
    "many.title": "하나 또는 여럿",
    "many.together": "함께",
    "many.apart": "클래스마다 한 칸",
    "many.global": "이 공간에는 {classes}개 클래스가 모두 들어 있습니다. 나누어 보면 클래스마다 점이 따로 놓이지만 같은 점입니다.",
    "many.per-class": "{classes}개 클래스마다 모델과 잠재 공간이 따로 있고, 한 칸이 한 공간의 지도입니다. 함께 보면 지도가 겹칠 뿐 클래스 사이의 거리를 뜻하지 않습니다.",
    "many.conditional": "모델 하나에 클래스를 알려 주므로, 한 공간을 {classes}개 클래스가 저마다의 방식으로 씁니다.",
    "many.how": "클래스마다 따로 배운 모델이 이미지를 다시 그리는 것을 보려면 이렇게 만드세요:",
    "many.hover": "지도에서 이미지를 가리켜 보세요. 클래스마다 그 이미지를 그리고, 가장 잘 그린 모델이 클래스를 말해 줍니다.",
    "many.right": "{best}(으)로 가장 잘 그려지고, 레이블도 {truth}입니다.",
    "many.wrong": "{best}(으)로 가장 잘 그려지지만, 레이블은 {truth}입니다.",
    "many.drawn": "{name}(으)로 그림",
    "many.none": "이 공간에는 디코더가 없어서 이미지를 클래스마다 다시 그려 볼 수 없습니다.",
    "many.error": "그림 아래 숫자는 픽셀당 평균 제곱 오차입니다.",
  },
};
