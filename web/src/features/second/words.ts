/** Words of the second map. */

export const words = {
  en: {
    "second.title": "Second map",
    "second.how": "The same images on another map. Point, click or select on either: both show it.",
    "second.choice": "The second map",
    "second.swap": "Swap the two maps",
    "second.stage": "Second map, {title}: {count} points. Arrow keys move it, + and - zoom, 0 shows all, Enter opens the image in the middle.",
    "second.only": "This space has one map only: {title}. Beside a second one you see what each of them pulls apart or folds together.",
    "second.make.pca": "Draw the PCA map",
    "second.make.tsne": "Draw the t-SNE map",
    "second.making": "Drawing… {percent}",
    "second.command": "In a terminal, this does the same; load the page again afterwards:",
    "second.export": "To get one, run this on the space, then export the page again:",
  },
  ko: {
    "second.title": "둘째 지도",
    "second.how": "같은 이미지를 다른 지도에서도 봅니다. 어느 쪽에서 가리키거나 클릭하거나 선택해도 두 지도에 함께 나타납니다.",
    "second.choice": "둘째 지도",
    "second.swap": "두 지도 맞바꾸기",
    "second.stage": "둘째 지도 {title}: 점 {count}개. 화살표 키로 이동, +와 -로 확대·축소, 0으로 전체 보기, Enter로 한가운데 이미지 열기.",
    "second.only": "이 공간에는 지도가 {title} 하나뿐입니다. 둘째 지도와 나란히 보면 각 지도가 무엇을 떼어 놓고 무엇을 겹쳐 놓는지 알 수 있습니다.",
    "second.make.pca": "PCA 지도 그리기",
    "second.make.tsne": "t-SNE 지도 그리기",
    "second.making": "그리는 중… {percent}",
    "second.command": "터미널에서는 다음과 같이 합니다. 그런 다음 페이지를 다시 불러오세요:",
    "second.export": "지도를 더 만들려면 공간에서 다음을 실행한 뒤 페이지를 다시 내보내세요:",
  },
};
