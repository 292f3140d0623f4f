/** Words of the contours. */

export const words = {
  en: {
    "contours.title": "Contours",
    "contours.key": "Contours: lines of equal density of the points",
    "contours.about": "Lines of equal density: within these lines lie 25, 50, 75 and 90% of the points shown; in the colours of classes, 50 and 90% of the points of each class",
    "contours.all": "within these lines lie 25, 50, 75 and 90% of the points",
    "contours.class": "within the two lines of a class lie 50 and 90% of its points",
    "contours.panel": "in each panel, within these lines lie 25, 50, 75 and 90% of its points",
  },
  ko: {
    "contours.title": "등고선",
    "contours.key": "등고선: 점의 밀도가 같은 곳을 잇는 선",
    "contours.about": "밀도가 같은 곳을 잇는 선. 선 안에 보이는 점의 25, 50, 75, 90%가 들어 있고, 클래스 색으로 그린 선 안에는 클래스마다 점의 50%와 90%가 들어 있습니다",
    "contours.all": "선 안에 점의 25, 50, 75, 90%가 들어 있습니다",
    "contours.panel": "칸마다 선 안에 그 칸의 점의 25, 50, 75, 90%가 들어 있습니다",
    "contours.class": "클래스마다 두 선 안에 그 점의 50%와 90%가 들어 있습니다",
  },
};
