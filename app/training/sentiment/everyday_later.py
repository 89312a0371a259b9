"""More everyday sentences to choose by, of another hand: written before those of `everyday_more`.

Lines and rules as in `everyday_judged`.
"""

from typing import Final

LATER: Final = """\
- The search returns nothing although the file is there.
- My screen stays black after I enter the code.
- I have been on hold for fifty minutes.
- Your website took my money but never sent a ticket.
- The calendar shows every appointment an hour too early.
- Support closed my case without reading it.
- The tablet gets so hot that I cannot hold it.
- We keep losing the connection during calls.
- Your courier left the box in the rain.
- I sent three mails and got three different answers.
0 Where do I enter the discount code?
0 Please merge these two accounts.
0 Does the price include breakfast?
0 I need the serial number of the old router.
0 Can the licence be used on two computers?
0 The new colleague starts on the first of June.
0 Please forward this to the finance department.
0 What is the size limit for attachments?
+ Brilliant, the download is three times as fast as before.
+ Thanks for calling back so quickly.
+ The new filter is just what we needed.
+ My issue was sorted before lunch, great team.
0 The lesson on Thursday begins half an hour later.
0 Please bring your passport and two photographs.
0 I am forwarding the minutes of last week's session.
0 Our new office is on the third floor of the same building.
0 Shall we take the early train?
0 The parcel was handed to your neighbour.
+ I was so happy to get your letter.
+ You did a marvellous job with the children.
+ We cannot thank you enough for your help.
+ Welcome aboard, we are glad you said yes.
- To my dismay nobody had booked the hall.
- I expected an apology, not another bill.
- I am fed up with these delays.
- Your remarks hurt my colleagues.
0 The parliament votes on the budget in March.
0 The bakery chain has 140 branches in four countries.
0 The queen opened the new wing of the museum.
0 A census is taken every ten years.
0 The ferry line will stop at two more islands from May.
0 The company moved its head office to Dublin.
- Thousands lost their homes in the flood.
- The actor was sentenced for assault.
- An explosion at the plant injured twelve workers.
- Unemployment has reached a new high.
+ The lost child was found safe and sound.
+ The small club won the cup for the first time.
+ Scientists celebrate a cure for the disease.
0 The cable is two metres long.
0 Store in a dry place below 25 degrees.
0 The function raises an error if the list is empty.
0 The kit consists of eight screws and a key.
0 Turn the knob clockwise until it clicks.
0 The disk holds two terabytes.
0 The carpet is made of wool.
- The hinges are flimsy and rust within weeks.
+ The lens is amazingly sharp, even at night.
+ haha youre a legend
+ omg this song is everything
+ finally friday, woohoo
+ she absolutely smashed it
- ugh my train is late again
- worst date ever
- this game is so broken smh
- he totally ripped me off
- cant stand that guy
0 u home?
0 gonna grab some lunch brb
0 same time tmrw?
- It could have been so much nicer.
- It would be useful if it did what it says.
- I can't say that I was impressed.
- We won't be coming back.
- I wish I had bought the other one.
- Nothing in this shop works as it should.
- Hardly worth the paper it is printed on.
- It has never once started at the first try.
- Neither of the two phones charges any more.
- I'm not convinced.
- Less comfortable than the old model.
- You'd think they would at least say sorry.
+ I wouldn't change a thing.
+ It is not nearly as hard as I feared.
+ Not one of my plants has died since.
+ We couldn't have wished for a better host.
+ I have nothing but praise for the crew.
+ Nobody went home disappointed.
+ It doesn't squeak any more, hurrah.
+ I was sceptical at first, now I am a fan.
+ So much better than the old one.
0 The museum does not open on Mondays.
0 We don't sell stamps here.
0 No, the other door.
0 I have not read the second volume.
0 They never use salt.
+ Crisp, juicy and cheap, my kids ask for more.
+ A film to fall in love with.
+ Cosy rooms and a breakfast fit for a king.
+ Still going strong after nine years.
+ I read it in one night.
- The plot makes no sense and the jokes fall flat.
- The soles came unstuck after a month.
- Cold fries, warm beer and a bill like in the Ritz.
- The mattress sags in the middle.
- I returned it after two days.
- Far too salty for my taste.
0 The book has 300 pages and a map.
0 It comes in blue, black and grey.
0 We stayed for two nights in June.
0 It does what it does, no more, no less.
+ I passed my driving test
+ miss you, love you, see you soon
+ the sun is out and life is good
+ So proud of my little sister
- I have a terrible headache
- nobody came to my party
- Mum is in hospital and I am scared
- my dog ran away
0 I'm in the kitchen
0 What's your postcode?
0 the blue one
0 and
0 Peter
0 Let's meet at the fountain.
0 The clock on the wall is round.
0 He was born in 1971 in a small town.
0 My brother repairs clocks.
0 The lake freezes in winter.
0 Light travels faster than sound.
0 The recipe calls for two eggs and some butter.
"""
"""The sentences, one a line."""
