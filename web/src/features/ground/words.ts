/** Words of the decoded ground. */

export const words = {
  en: {
    "ground.title": "Decoded ground",
    "ground.key": "Decoded ground: paint the map with what the decoder draws there",
    "ground.name": "Decoded ground",
    "ground.about": "what the decoder draws at each place; hatched: nothing real is near",
    "ground.none": "This space has no decoder, so there is no ground to paint. A trained model (latlas fit) has one.",
    "ground.apart": "The ground is painted when the classes are together on the map again.",
  },
  ko: {
    "ground.title": "복원된 바탕",
    "ground.key": "복원된 바탕: 디코더가 그 자리에서 그리는 그림으로 지도를 채우기",
    "ground.name": "복원된 바탕",
    "ground.about": "디코더가 각 자리에서 그리는 그림. 빗금: 가까이에 실제 이미지가 없음",
    "ground.none": "이 공간에는 디코더가 없어 바탕을 그릴 수 없습니다. 학습한 모델(latlas fit)에는 디코더가 있습니다.",
    "ground.apart": "바탕은 클래스들이 지도에 다시 모이면 그려집니다.",
  },
};
