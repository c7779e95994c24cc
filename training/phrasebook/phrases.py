"""Set phrases: what people say every day, and no grammar makes.

Every line is a Korean phrase and its usual English one. Polite and familiar forms are both there,
so an English phrase may have several Korean ones.
"""

_TEXT = """
안녕하세요. | Hello.
안녕하세요! | Hello!
안녕하세요? | Hello, how are you?
안녕하십니까? | How do you do?
여러분, 안녕하세요. | Hello, everyone.
선생님, 안녕하세요. | Hello, teacher.
안녕, 잘 지냈어? | Hi, how have you been?
안녕, 오랜만이야. | Hi, long time no see.
오랜만입니다. | Long time no see.
오랜만이에요. | It's been a while.
정말 오랜만이에요! | It's really been a long time!
좋은 아침입니다. | Good morning.
좋은 아침이에요! | Good morning!
잘 주무셨어요? | Did you sleep well?
잘 잤어? | Did you sleep well?
안녕히 주무세요. | Good night.
잘 자. | Good night.
좋은 꿈 꿔. | Sweet dreams.
어떻게 지내세요? | How are you?
어떻게 지내? | How are you doing?
잘 지내세요? | How are you?
잘 지내요, 고마워요. | I'm fine, thank you.
저는 잘 지내요. | I'm doing well.
잘 지냈어요? | How have you been?
그냥 그래요. | So-so.
별일 없어요. | Nothing much.
만나서 반갑습니다. | Nice to meet you.
만나서 반가워요. | Nice to meet you.
저도 만나서 반갑습니다. | Nice to meet you, too.
처음 뵙겠습니다. | How do you do?
잘 부탁드립니다. | I look forward to working with you.
어서 오세요. | Welcome.
환영합니다. | Welcome.
한국에 오신 것을 환영합니다. | Welcome to Korea.
들어오세요. | Please come in.
앉으세요. | Please sit down.
안녕히 가세요. | Goodbye.
안녕히 계세요. | Goodbye.
안녕히 가십시오. | Goodbye.
잘 가. | Bye.
잘 있어. | Bye.
또 봐요. | See you again.
또 만나요. | See you again.
내일 봐요. | See you tomorrow.
내일 봐! | See you tomorrow!
나중에 봐요. | See you later.
다음 주에 봐요. | See you next week.
조심히 가세요. | Get home safely.
다녀오겠습니다. | I'm off.
다녀왔습니다. | I'm home.
감사합니다. | Thank you.
대단히 감사합니다. | Thank you very much.
정말 감사합니다. | Thank you so much.
고맙습니다. | Thank you.
고마워요. | Thanks.
정말 고마워! | Thanks a lot!
도와주셔서 감사합니다. | Thank you for your help.
도와줘서 고마워. | Thanks for helping me.
와 주셔서 감사합니다. | Thank you for coming.
초대해 주셔서 감사합니다. | Thank you for inviting me.
천만에요. | You're welcome.
별말씀을요. | Don't mention it.
아니에요, 괜찮아요. | No, it's all right.
괜찮아요. | It's okay.
괜찮습니다. | That's all right.
괜찮아? | Are you okay?
괜찮으세요? | Are you all right?
죄송합니다. | I'm sorry.
정말 죄송합니다. | I'm very sorry.
미안합니다. | I'm sorry.
미안해요. | I'm sorry.
미안해. | Sorry.
늦어서 죄송합니다. | I'm sorry I'm late.
늦어서 미안해. | Sorry I'm late.
실례합니다. | Excuse me.
실례지만 길 좀 묻겠습니다. | Excuse me, may I ask you the way?
저기요. | Excuse me.
여보세요? | Hello?
누구세요? | Who is it?
네. | Yes.
네, 맞아요. | Yes, that's right.
네, 그렇습니다. | Yes, it is.
네, 알겠습니다. | Yes, I understand.
아니요. | No.
아니요, 괜찮습니다. | No, thank you.
아니요, 그렇지 않아요. | No, it isn't.
물론이죠. | Of course.
물론이지. | Sure.
좋아요. | Good.
좋아요, 그렇게 합시다. | All right, let's do that.
알겠습니다. | I see.
알겠어요. | Got it.
모르겠어요. | I don't know.
모르겠습니다. | I don't know.
잘 모르겠어요. | I'm not sure.
아마도요. | Maybe.
정말요? | Really?
정말이에요? | Is that true?
진짜? | Really?
그래요? | Is that so?
맞아요. | That's right.
틀렸어요. | That's wrong.
동의합니다. | I agree.
제 생각은 달라요. | I don't agree.
잠깐만요. | Just a moment.
잠시만 기다려 주세요. | Please wait a moment.
잠깐 기다려. | Wait a second.
다시 말씀해 주세요. | Please say that again.
다시 한번 말씀해 주시겠어요? | Could you say that once more?
천천히 말씀해 주세요. | Please speak slowly.
좀 더 크게 말씀해 주세요. | Please speak a little louder.
이해했어요. | I understand.
이해가 안 돼요. | I don't understand.
무슨 뜻이에요? | What does it mean?
이 단어는 무슨 뜻이에요? | What does this word mean?
한국어로 뭐라고 해요? | How do you say it in Korean?
영어로 뭐라고 해요? | How do you say it in English?
한국어를 조금 해요. | I speak a little Korean.
한국어를 잘 못해요. | I can't speak Korean well.
영어 할 줄 아세요? | Do you speak English?
한국어를 공부하고 있어요. | I'm studying Korean.
한국어를 배우고 싶어요. | I want to learn Korean.
이름이 뭐예요? | What's your name?
성함이 어떻게 되세요? | May I have your name?
제 이름은 민수입니다. | My name is Minsu.
제 이름은 지수예요. | My name is Jisu.
저는 김민수라고 합니다. | I'm Kim Minsu.
저는 학생이에요. | I'm a student.
저는 대학생입니다. | I'm a college student.
저는 회사원입니다. | I'm an office worker.
저는 선생님입니다. | I'm a teacher.
저는 의사예요. | I'm a doctor.
저는 프로그래머예요. | I'm a programmer.
저는 한국 사람입니다. | I'm Korean.
저는 미국 사람이에요. | I'm American.
저는 독일에서 왔어요. | I'm from Germany.
저는 서울에 살아요. | I live in Seoul.
어디에서 오셨어요? | Where are you from?
어느 나라 사람이에요? | What country are you from?
어디에 사세요? | Where do you live?
어디 살아? | Where do you live?
무슨 일을 하세요? | What do you do?
직업이 뭐예요? | What's your job?
몇 살이에요? | How old are you?
나이가 어떻게 되세요? | How old are you?
저는 스무 살이에요. | I'm twenty years old.
저는 서른 살입니다. | I'm thirty years old.
생일이 언제예요? | When is your birthday?
생일 축하해요! | Happy birthday!
생일 축하해! | Happy birthday!
축하합니다! | Congratulations!
결혼 축하해요. | Congratulations on your wedding.
새해 복 많이 받으세요. | Happy New Year.
메리 크리스마스! | Merry Christmas!
행운을 빌어요. | Good luck.
힘내세요! | Cheer up!
힘내! | Cheer up!
화이팅! | You can do it!
걱정하지 마세요. | Don't worry.
걱정하지 마. | Don't worry.
조심하세요. | Be careful.
조심해! | Watch out!
서두르세요. | Please hurry.
빨리 와! | Come quickly!
이리 와. | Come here.
여기로 오세요. | Please come here.
같이 가요. | Let's go together.
같이 갈래? | Do you want to come with me?
갑시다. | Let's go.
가자! | Let's go!
시작합시다. | Let's begin.
도와주세요! | Help me, please!
도와줄까요? | Shall I help you?
도와드릴까요? | May I help you?
무엇을 도와드릴까요? | How may I help you?
부탁이 있어요. | I have a favor to ask.
질문이 있어요. | I have a question.
질문 있으세요? | Do you have any questions?
이게 뭐예요? | What is this?
이것은 무엇입니까? | What is this?
저게 뭐예요? | What is that?
그게 뭐야? | What's that?
저 사람은 누구예요? | Who is that person?
뭐 해? | What are you doing?
뭐 하세요? | What are you doing?
지금 뭐 하고 있어요? | What are you doing now?
무슨 일이에요? | What happened?
무슨 일이야? | What's the matter?
왜요? | Why?
왜 그래? | What's wrong?
언제요? | When?
어디요? | Where?
어디 가세요? | Where are you going?
어디 가? | Where are you going?
집에 가요. | I'm going home.
집에 가고 싶어요. | I want to go home.
학교에 가요. | I'm going to school.
지금 몇 시예요? | What time is it now?
몇 시입니까? | What time is it?
세 시예요. | It's three o'clock.
두 시 반이에요. | It's half past two.
아침 여덟 시예요. | It's eight in the morning.
오늘이 며칠이에요? | What's the date today?
오늘은 무슨 요일이에요? | What day is it today?
오늘은 월요일이에요. | It's Monday today.
오늘은 금요일입니다. | Today is Friday.
내일은 토요일이에요. | Tomorrow is Saturday.
몇 시에 만날까요? | What time shall we meet?
어디에서 만날까요? | Where shall we meet?
내일 시간 있어요? | Do you have time tomorrow?
지금은 바빠요. | I'm busy now.
시간이 없어요. | I don't have time.
늦었어요. | I'm late.
오늘 날씨가 어때요? | How's the weather today?
오늘 날씨가 좋네요. | The weather is nice today.
날씨가 더워요. | The weather is hot.
날씨가 추워요. | It's cold.
오늘은 덥네요. | It's hot today.
밖이 추워요. | It's cold outside.
비가 와요. | It's raining.
비가 올 것 같아요. | It looks like rain.
눈이 와요. | It's snowing.
바람이 많이 불어요. | It's very windy.
배고파요. | I'm hungry.
배고파. | I'm hungry.
배가 불러요. | I'm full.
목이 말라요. | I'm thirsty.
피곤해요. | I'm tired.
졸려요. | I'm sleepy.
아파요. | It hurts.
몸이 안 좋아요. | I don't feel well.
머리가 아파요. | I have a headache.
배가 아파요. | I have a stomachache.
감기에 걸렸어요. | I have a cold.
열이 나요. | I have a fever.
병원에 가야 해요. | I have to go to the hospital.
약을 먹었어요. | I took some medicine.
빨리 나으세요. | Get well soon.
푹 쉬세요. | Get some rest.
기뻐요. | I'm glad.
행복해요. | I'm happy.
슬퍼요. | I'm sad.
화났어요? | Are you angry?
무서워요. | I'm scared.
심심해요. | I'm bored.
재미있어요. | It's fun.
재미없어요. | It's boring.
외로워요. | I feel lonely.
보고 싶어요. | I miss you.
보고 싶었어. | I missed you.
사랑해요. | I love you.
좋아해요. | I like you.
잘 먹겠습니다. | Thank you for the meal.
잘 먹었습니다. | It was a great meal, thank you.
맛있게 드세요. | Enjoy your meal.
맛있어요. | It's delicious.
맛있어요! | It's delicious!
정말 맛있네요. | It's really delicious.
너무 매워요. | It's too spicy.
물 좀 주세요. | Some water, please.
물 한 잔 주세요. | A glass of water, please.
커피 한 잔 주세요. | A cup of coffee, please.
이거 주세요. | I'll take this one.
메뉴 좀 주세요. | The menu, please.
메뉴판 좀 보여 주세요. | Please show me the menu.
주문하시겠어요? | Are you ready to order?
주문할게요. | I'd like to order.
뭐 먹고 싶어요? | What do you want to eat?
뭐 드시겠어요? | What would you like to eat?
김치를 좋아하세요? | Do you like kimchi?
비빔밥 하나 주세요. | One bibimbap, please.
맵지 않게 해 주세요. | Please make it not spicy.
계산서 주세요. | The bill, please.
계산해 주세요. | Check, please.
얼마예요? | How much is it?
이거 얼마예요? | How much is this?
모두 얼마예요? | How much is it altogether?
너무 비싸요. | It's too expensive.
좀 깎아 주세요. | Please give me a discount.
더 싼 것 있어요? | Do you have a cheaper one?
다른 색 있어요? | Do you have another color?
입어 봐도 돼요? | May I try it on?
그냥 보는 중이에요. | I'm just looking.
카드로 계산할게요. | I'll pay by card.
현금으로 할게요. | I'll pay in cash.
영수증 주세요. | The receipt, please.
화장실이 어디예요? | Where is the restroom?
화장실은 어디에 있어요? | Where is the bathroom?
지하철역이 어디예요? | Where is the subway station?
버스 정류장이 어디에 있어요? | Where is the bus stop?
은행이 어디에 있습니까? | Where is the bank?
이 근처에 약국이 있어요? | Is there a pharmacy near here?
공항까지 어떻게 가요? | How do I get to the airport?
서울역까지 얼마나 걸려요? | How long does it take to get to Seoul Station?
여기서 멀어요? | Is it far from here?
여기에서 가까워요. | It's close to here.
오른쪽으로 가세요. | Go to the right.
왼쪽으로 도세요. | Turn left.
똑바로 가세요. | Go straight.
여기에서 세워 주세요. | Please stop here.
길을 잃었어요. | I'm lost.
표 두 장 주세요. | Two tickets, please.
기차가 몇 시에 출발해요? | What time does the train leave?
이 버스 시청에 가요? | Does this bus go to city hall?
방 있어요? | Do you have a room?
예약했어요. | I have a reservation.
예약하고 싶어요. | I'd like to make a reservation.
여권을 잃어버렸어요. | I've lost my passport.
지갑을 잃어버렸어요. | I lost my wallet.
경찰을 불러 주세요. | Please call the police.
구급차를 불러 주세요! | Please call an ambulance!
위험해요! | It's dangerous!
불이야! | Fire!
사진 좀 찍어 주세요. | Could you take a picture for me?
사진 찍어도 돼요? | May I take a picture?
여기 앉아도 돼요? | May I sit here?
들어가도 돼요? | May I come in?
창문을 열어도 될까요? | May I open the window?
문 좀 열어 주세요. | Please open the door.
문을 닫아 주세요. | Please close the door.
불 좀 켜 주세요. | Please turn on the light.
불을 꺼 주세요. | Please turn off the light.
조용히 해 주세요. | Please be quiet.
담배를 피우지 마세요. | Please don't smoke.
만지지 마세요. | Please don't touch.
이름을 써 주세요. | Please write your name.
전화번호가 뭐예요? | What's your phone number?
전화해 주세요. | Please call me.
전화할게요. | I'll call you.
나중에 전화할게. | I'll call you later.
전화 잘못 거셨어요. | You have the wrong number.
이메일 보내 주세요. | Please send me an e-mail.
취미가 뭐예요? | What's your hobby?
제 취미는 독서예요. | My hobby is reading.
영화 보는 것을 좋아해요. | I like watching movies.
음악을 좋아하세요? | Do you like music?
주말에 뭐 해요? | What do you do on weekends?
주말 잘 보내세요. | Have a nice weekend.
좋은 하루 되세요. | Have a nice day.
즐거운 여행 되세요. | Have a good trip.
저녁에 뭐 먹을까? | What shall we have for dinner?
커피 마실래요? | Would you like some coffee?
영화 보러 갈래요? | Would you like to go see a movie?
같이 점심 먹을까요? | Shall we have lunch together?
가족이 몇 명이에요? | How many people are in your family?
형제가 있어요? | Do you have any brothers or sisters?
저는 여동생이 한 명 있어요. | I have one younger sister.
결혼하셨어요? | Are you married?
아직 미혼이에요. | I'm still single.
부모님은 잘 계세요? | How are your parents?
아이가 둘 있어요. | I have two children.
수고하셨습니다. | Good work.
수고하세요. | Keep up the good work.
고생 많으셨어요. | You've worked hard.
잘했어요! | Well done!
잘했어! | Good job!
대단해요! | That's great!
멋있어요! | That's cool!
예뻐요. | It's pretty.
귀여워요! | How cute!
맞혀 봐. | Guess.
농담이에요. | I'm just kidding.
비밀이에요. | It's a secret.
약속할게요. | I promise.
믿을 수 없어요. | I can't believe it.
상관없어요. | It doesn't matter.
문제없어요. | No problem.
아직이요. | Not yet.
이제 그만. | That's enough.
끝났어요. | It's over.
준비됐어요? | Are you ready?
준비됐어요. | I'm ready.
"""


def phrases() -> list[tuple[str, str]]:
    """All set phrases, as (Korean, English)."""
    return [tuple(line.split(" | ")) for line in _TEXT.strip().splitlines()]
